"""One module for each page: what it reads, what it shows, what people can do there."""
