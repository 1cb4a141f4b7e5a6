"""The native engine for XComposer2 and InternLM2 on torch."""
