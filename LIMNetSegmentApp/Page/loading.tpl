<div style="position:fixed;inset:0;display:flex;align-items:center;justify-content:center;background:#0e1319;color:#8b9aab;font:15px system-ui,sans-serif">LIMNet is starting &hellip;</div>
