"""YAML: read with the line of every mistake, and edited without touching the rest."""
