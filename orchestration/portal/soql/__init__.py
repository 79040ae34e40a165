"""SoQL, the part that publishers and readers use: words, grammar, compilation to SQLite.

Text to tree is `parser`, tree to parameterized SQL is `compiler`, what SQLite lacks is `functions`.
Nothing here touches a database or knows HTTP; `reads` does.
"""
