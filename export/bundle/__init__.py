"""Everything that predicting an ensemble without internet needs, in one folder."""
