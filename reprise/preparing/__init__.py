"""From the prepare section of the params to prepared data, whatever kind the raw data is."""
