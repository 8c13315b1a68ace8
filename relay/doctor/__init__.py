"""`naober doctor`: sixteen places where a node may be ill, each looked at without changing anything."""
