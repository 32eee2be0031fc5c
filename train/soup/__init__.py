"""Model soups: the mean of the weights of several runs, as one network."""

from seg.train.soup.greedy import SoupCandidate, SoupResult, greedy_soup
from seg.train.soup.ingredients import Ingredient, read_ingredients
from seg.train.soup.save import save_soup

__all__ = ["Ingredient", "SoupCandidate", "SoupResult", "greedy_soup", "read_ingredients", "save_soup"]
