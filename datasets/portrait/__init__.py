"""The renderer of synthetic faces; corpus.py writes them, datasets/synthetic.py reads them as a corpus."""
