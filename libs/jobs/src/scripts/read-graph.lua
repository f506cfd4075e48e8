-- include: graph.lua
-- KEYS: job, steps   ARGV: prefix of the keys of calls
-- Returns the graph, see graph.lua
return read_graph(KEYS[1], KEYS[2], ARGV[1])
