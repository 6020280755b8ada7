"""Questions: from SQL text to typed plans, out to the regions and back to one answer. Only this room reads SQL."""
