"""Picture files: those from outside are opened in a process of their own, those that the store keeps directly."""
