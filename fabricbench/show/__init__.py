"""Values -> text: tables as data, and the screen that draws them."""
