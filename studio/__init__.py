"""XComposer Studio: write illustrated articles and ask about pictures, on your own machine."""

__version__ = "0.1.0"
