"""What tests make orders from: one builder a platform's payload, one for the domain's `Order`, and what is
drawn from them (`carts`: random, as charged; `sales`: with all their webhooks)."""
