"""The words that people are shown, in Chinese and English, and the codes of topics and areas: data, not code."""
