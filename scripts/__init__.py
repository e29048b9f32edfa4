"""Programs for those who change the kit; nothing in fer_utils imports them."""
