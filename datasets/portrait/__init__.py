"""Draws synthetic people: datasets/synthetic.py makes a corpus of them."""
