"""Claude by Anthropic's SDK: directly, or on a cloud platform."""
