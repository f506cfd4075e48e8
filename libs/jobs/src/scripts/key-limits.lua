-- The limits of a key: for each rule a bucket that holds the limit, full at first and refilled evenly over the rule's window; and
-- the set of its unfinished jobs.
-- Fields of a key's levels: <rule> = '<used> <at ms>'

-- How long a client is asked to wait for an unfinished job to end.
local JOB_WAIT_MS = 1000
-- Fractions of a unit are lost in arithmetic; nothing costs so little.
local TINY = 1e-6

-- The rules with what of them is used at this moment. They begin at `first` in ARGV, four values each: name, limit, window ms
-- (0 for unfinished jobs), cost.
local function read_rules(levels_key, jobs_key, first, values)
  local rules = {}
  if values == 0 then return rules end
  local time = redis.call('TIME')
  local now = time[1] * 1000 + time[2] / 1000
  for i = first, first + values - 1, 4 do
    local rule = {
      name = ARGV[i], limit = tonumber(ARGV[i + 1]), window = tonumber(ARGV[i + 2]), cost = tonumber(ARGV[i + 3]),
      used = 0, now = now,
    }
    if rule.window == 0 then
      rule.used = redis.call('SCARD', jobs_key)
    else
      local used, at = string.match(redis.call('HGET', levels_key, rule.name) or '', '^(%S+) (%S+)$')
      if used then
        local refilled = math.max(now - tonumber(at), 0) * rule.limit / rule.window
        -- A limit that was lowered is at most used up.
        rule.used = math.max(math.min(tonumber(used), rule.limit) - refilled, 0)
      end
    end
    rules[#rules + 1] = rule
  end
  return rules
end

-- The place of the rule that has to be waited for longest, and for how many ms; nil when all have room.
local function longest_wait(rules)
  local place, longest = nil, 0
  for i, rule in ipairs(rules) do
    local short = rule.used + rule.cost - rule.limit
    if short > TINY then
      local wait = rule.window == 0 and JOB_WAIT_MS or short * rule.window / rule.limit
      if wait > longest then place, longest = i, wait end
    end
  end
  return place, math.ceil(longest)
end

local function take_charges(levels_key, jobs_key, rules, job_id)
  local full_in = 0
  for _, rule in ipairs(rules) do
    rule.used = rule.used + rule.cost
    if rule.window == 0 then
      redis.call('SADD', jobs_key, job_id)
    elseif rule.used > 0 then
      redis.call('HSET', levels_key, rule.name, string.format('%.17g %.3f', rule.used, rule.now))
      full_in = math.max(full_in, rule.used * rule.window / rule.limit)
    end
  end
  -- Full buckets need no record.
  if full_in > 0 then redis.call('PEXPIRE', levels_key, math.ceil(full_in)) end
end

-- A reply with two figures for each rule: whole units left, ms until it is full.
local function with_levels(reply, rules)
  for _, rule in ipairs(rules) do
    reply[#reply + 1] = math.max(math.floor(rule.limit - rule.used + TINY), 0)
    reply[#reply + 1] = math.ceil(rule.used * rule.window / rule.limit)
  end
  return reply
end
