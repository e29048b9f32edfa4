"""What the lessons rest on and do not name: experiments, published rows trained again, benches."""
