"""The recipes that write `data/`: the corpus, the tokenizers and the embedded models.

`python -m training all` makes everything from nothing; `python -m training abilities` measures it.
"""
