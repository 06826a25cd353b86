"""From SR faces to numbers: metrics, errors of estimates, intervals, and the gate."""
