"""What is fitted: weights, views, temperatures, class factors."""
