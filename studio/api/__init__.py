"""What other programs ask the studio about itself, over HTTP: health and metrics."""
