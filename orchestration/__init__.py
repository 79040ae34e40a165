"""Summerware: clean, check and publish police and civic data, with an account of every row."""
