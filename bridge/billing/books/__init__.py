"""Three books of an order, by line and rate: the sale, the money, the documents. Pure.

`sale` is what the buyer owes for, `money` what moved, `documents` what exists in Facturation.pro. `due` is
the difference of the first and the last, found by `difference` and `crediting`; `invariants` says where the
books do not agree. Amounts are VAT included, in the order's currency.
"""
