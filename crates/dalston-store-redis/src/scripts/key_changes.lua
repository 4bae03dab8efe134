-- Keys by the number of their last change. KEYS: the changes. ARGV: the number before, how many.
return rows(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'WITHSCORES', 'LIMIT', 0, ARGV[2]))
