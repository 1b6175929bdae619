"""The pages for people: server-rendered, live where something changes, read through querysets."""
