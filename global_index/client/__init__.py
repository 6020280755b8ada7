"""What an analyst's notebook imports. It imports nothing of the tower."""
