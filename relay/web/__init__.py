"""What the operators' pages and a site's own page share: how they are served, and what they refuse."""
