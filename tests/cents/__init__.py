"""Cents: what becomes of orders under each way in which Facturation.pro might round."""
