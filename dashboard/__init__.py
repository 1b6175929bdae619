"""The pages that people look at: server-rendered, live where there is something to see, read through querysets."""
