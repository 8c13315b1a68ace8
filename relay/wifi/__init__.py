"""The node's own Wi-Fi, for its page: made through NetworkManager, never open, no way to the outside."""
