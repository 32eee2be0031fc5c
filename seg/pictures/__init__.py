"""Pictures of label maps, and charts."""
