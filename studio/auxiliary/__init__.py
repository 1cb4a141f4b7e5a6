"""Small models that do not generate text: the image tagger, the text reader and the text embedder."""
