"""Results -> one HTML page that needs nothing but itself: `report.of` says what stands on it, `render` writes it."""
