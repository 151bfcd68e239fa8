"""Measures how fast juntek is; rule: the product knows nothing of this, and every figure stands beside a bare one."""
