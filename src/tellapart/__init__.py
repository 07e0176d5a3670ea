"""Tell your pictures apart."""
