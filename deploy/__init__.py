"""Outside the house: the demo federation and its made-up people. Nothing here imports a floor; it starts processes."""
