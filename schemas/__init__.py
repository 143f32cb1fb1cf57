"""What is said: the pydantic models that cross every boundary, and nothing else."""
