"""Soups: the mean of several runs' weights, as one network at the cost of one."""

from seg.train.soup.greedy import SoupCandidates, SoupResult, greedy_soup
from seg.train.soup.ingredients import Ingredient, read_ingredients
from seg.train.soup.save import keep_soup

__all__ = ["Ingredient", "SoupCandidates", "SoupResult", "greedy_soup", "keep_soup", "read_ingredients"]
