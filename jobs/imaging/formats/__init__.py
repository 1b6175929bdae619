"""The formats that this service reads, one module each, and the names of those that people send by mistake."""
