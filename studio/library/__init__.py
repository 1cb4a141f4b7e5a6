"""Pictures: taking them in, describing them, finding them by meaning."""
