"""From SR faces to numbers: metrics, errors of estimates, and intervals."""
