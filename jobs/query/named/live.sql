-- The latest era of a feature set with the identifiers of the universe.
select u.id, u.numerai_ticker, u.bloomberg_ticker, f.*
from features_{{set}} as f
left join universe as u on u.yahoo = f.ticker
where f.era = (select max(era) from features_{{set}})
order by f.ticker
