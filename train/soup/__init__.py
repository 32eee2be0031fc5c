"""Soups: the mean of several runs' weights, as one network at the cost of one."""

from seg.train.soup.greedy import SoupCandidate, SoupResult, greedy_soup
from seg.train.soup.ingredients import Ingredient, read_ingredients
from seg.train.soup.save import save_soup

__all__ = ["Ingredient", "SoupCandidate", "SoupResult", "greedy_soup", "read_ingredients", "save_soup"]
