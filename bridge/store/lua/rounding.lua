-- rounding: what is known of the firm's rule.
return redis.call('HGET', META, 'rounding') or ''
