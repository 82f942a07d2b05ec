-- Dividends and splits on their ex-dates, with the dividend as a share of that day's close.
select ticker, date, dividend, split, close, dividend / nullif(close, 0e0) as dividend_share, currency
from raw_data
where dividend is not null or split is not null
order by ticker, date
