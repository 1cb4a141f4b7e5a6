"""What the studio does for people: writing, illustrating, answering, filling tables. Knows neither torch nor gradio."""
