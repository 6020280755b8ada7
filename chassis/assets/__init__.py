"""What the consoles look like: templates, design tokens, JavaScript sources, translations. No bundle is kept."""
