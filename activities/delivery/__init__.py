"""What the system itself does to what was chosen: estimate, refit, final check."""
